"""Protocol decisions of the authorization server, one small file per standard: values in, values out, no I/O."""
