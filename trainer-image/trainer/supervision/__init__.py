"""What the supervisor is made of. Standard library only."""
