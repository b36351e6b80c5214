"""The worker processes in which the algorithms run, as both shells use them."""
