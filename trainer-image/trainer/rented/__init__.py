"""What runs on a machine that is rented by the hour: the attempt, once; then the wait for its end."""
