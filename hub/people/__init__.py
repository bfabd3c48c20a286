"""Who is who: units, people, roles, rights, sign-in. Knows no HTTP and no media."""
