"""Video walls (电视墙): what each shows, and layouts that people keep."""
