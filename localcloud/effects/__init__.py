"""What ARM resources do in the world: scale sets run API processes, gateways balance real requests."""
