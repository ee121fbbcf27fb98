"""What stands in front of MiniStack's services, or in the place of parts of them."""
