"""What a run leaves to be read: its log, figures and tables."""
