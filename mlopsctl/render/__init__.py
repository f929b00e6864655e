"""Templates to text. A template looks like what it becomes, and no value in it can become anything but a value."""
