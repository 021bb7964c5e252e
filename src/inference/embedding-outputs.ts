// What exporters call the embedding among a graph's outputs.

/**
 * Names of the embedding, best first. Plain SigLIP vision graphs also put out `last_hidden_state`, which is never asked
 * for: it would be a copy of up to 3.4 MB for nothing.
 */
export const EMBEDDING_OUTPUTS: readonly string[] = ['image_embeds', 'text_embeds', 'pooler_output'];
