"""What `dr sync` is made of: running flows under the fence, and showing what came of them."""
