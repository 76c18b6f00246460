"""DNS: an authority that answers the zones of the ARM store and the world around, and three resolvers that cache."""
