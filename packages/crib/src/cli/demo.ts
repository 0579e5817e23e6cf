export interface DemoOptions {
  readonly subnet: string;
  readonly bridge: string;
  readonly verbose?: true;
}
export async function demoCommand(_options: DemoOptions): Promise<void> {}
