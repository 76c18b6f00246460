"""The parts of `dr drift`: what it reads, how it shows it, how it watches."""
