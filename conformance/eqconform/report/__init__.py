"""What people read: tables on the terminal, drawn from result files alone."""
