"""Site trustlayer as declared: what has no mode (trustlayer-global), and us-west-2 in its two modes."""
