"""Engine, unit of work, migrations, and every difference between SQLite and PostgreSQL."""
