"""The versions, oldest first; each is one step up."""
