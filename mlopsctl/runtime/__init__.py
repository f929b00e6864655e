"""What stands around a user's command, here and in a pod. The standard library and the store, nothing else."""
