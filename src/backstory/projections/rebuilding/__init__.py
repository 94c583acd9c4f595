"""Rebuilding a read model beside the live one, and letting it take that one's place."""
