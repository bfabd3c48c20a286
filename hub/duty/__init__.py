"""When streams are due, by calendars of units and streams; and how complete the recording of that time is."""
