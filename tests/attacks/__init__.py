"""Every attack on a data folder, each made from one small folder that is the same every time."""
