"""What happens on all nodes, told on each of them: to the sockets that it has open."""
