"""What may serve where, and what did: decisions over what runs have left in the store, and their effects."""
