"""What registering devices needs: vendors' addresses, tables of many cameras, a look before saving."""
