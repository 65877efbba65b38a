"""The management API of the authorization server, one file for each thing that administrators look after."""
