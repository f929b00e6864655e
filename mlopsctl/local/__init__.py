"""The engine on this machine: order, processes, environments, the local endpoint."""
