"""What happened over some days, as figures and as a page."""
