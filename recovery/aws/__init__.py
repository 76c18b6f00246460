"""What is in AWS, of either site: its types, and how far reality has left what is declared. Pure."""
