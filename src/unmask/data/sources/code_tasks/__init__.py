"""Short Python tasks with a secure and a vulnerable completion, by weakness class."""
