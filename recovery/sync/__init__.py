"""What is compared, converted and proven when data crosses clouds: listings and bytes in, verdicts out."""
