"""What a machine sees and hears in one clip: model weights, faces, landmarks, tracks and speech."""
