"""Result files as web pages that need no network: what is drawn, where it stands, and the pages."""
