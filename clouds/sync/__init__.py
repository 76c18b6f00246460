"""The data's world: which stores and tables a site has, and the runs that carry data between them (issue: the data)."""
