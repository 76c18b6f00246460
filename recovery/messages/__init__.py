"""What people are told during a disaster: texts in two languages, made from facts alone. Pure."""
