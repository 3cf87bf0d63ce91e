"""The same networks and shared weights as the plain modules, fast: equal numbers, equal `state_dict`."""
