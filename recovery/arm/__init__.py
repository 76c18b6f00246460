"""What is known of Azure Resource Manager's types: paths, API versions, shapes."""
