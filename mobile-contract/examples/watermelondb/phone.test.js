import { suite } from '@athena-budget-examples/testing';
import { Phone } from '@athena-budget-examples/watermelondb';

suite('WatermelonDB', Phone);
