/** Messages of one stream that may wait for their consumer; containerd's server has the same number. */
export const maxWaitingMessages = 64;

/** How many messages of the largest size may wait, whatever their number. */
export const waitingMessageSizes = 4;
