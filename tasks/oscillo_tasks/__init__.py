"""Tasks that come with oscillo; each registers itself through the entry-point group `oscillo.tasks`."""
