"""What goes over the wire, which move is legal when, and the limits of the service."""
