"""Reports as single HTML files that need no network: drawings, parts and one style, light and dark."""
