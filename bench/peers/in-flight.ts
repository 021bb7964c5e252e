// A bounded number of requests under way: what the library's stream does, for peers that have none.

/**
 * Embeds images so that decoding one overlaps with the inference of another.
 * @param images - the images
 * @param limit - how many may be under way
 * @param embed - embeds one
 * @returns the vectors, in order
 */
export async function inFlight(
  images: readonly Uint8Array[],
  limit: number,
  embed: (image: Uint8Array) => Promise<Float32Array>,
): Promise<Float32Array[]> {
  const vectors: Float32Array[] = [];
  let next = 0;
  const lane = async () => {
    while (next < images.length) {
      const index = next++;
      vectors[index] = await embed(images[index]!);
    }
  };
  await Promise.all(Array.from({ length: limit }, lane));
  return vectors;
}
