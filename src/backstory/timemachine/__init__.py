"""Going back: the state of an application at any moment of its log."""
