"""What writes the pages that follow from the code, so that no page can differ from it."""
