"""What recorders say of themselves beside their media: gauges, positions, SOS, marks; and the faults of devices."""
