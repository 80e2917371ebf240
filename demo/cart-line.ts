/** One line of a cart, as the cart service stores and answers it. */
export interface CartLine {
  readonly listing_id: number;
  readonly quantity: number;
  readonly price_cents: number;
}
