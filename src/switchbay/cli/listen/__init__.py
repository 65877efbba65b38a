"""``switchbay listen``: an https endpoint for webhooks that shows and checks what arrives."""
