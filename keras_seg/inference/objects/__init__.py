"""Objects from score maps."""
