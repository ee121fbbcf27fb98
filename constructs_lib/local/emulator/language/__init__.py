"""The States Language where moto's interpreter differs from AWS: expressions, variables, states, limits."""
