"""What results stream: `StreamingBody`."""
