"""What a trial says while it runs: the messages, their checks and the socket they arrive at."""
