"""How public sets lie on disk, one file a publisher's layout; and folders and tables of own images."""
