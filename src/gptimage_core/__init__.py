"""gptimage_core: one privacy policy document decides every data access."""
