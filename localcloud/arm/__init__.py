"""An ARM-shaped store: resources by id, with the manners of Resource Manager. It never echoes."""
